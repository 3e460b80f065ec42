"""Horizon as Debian sets it up, with this cloud's addresses; what the package keeps in files is in memcached here."""

from openstack_dashboard.settings import *  # noqa: F403

ALLOWED_HOSTS = ["127.0.0.1"]
SECRET_KEY = "{{secret_key}}"
OPENSTACK_KEYSTONE_URL = "{{keystone}}/v3"
CACHES = {"default": {"BACKEND": "django.core.cache.backends.memcached.PyMemcacheCache", "LOCATION": "{{memcached}}"}}
SESSION_ENGINE = "django.contrib.sessions.backends.cache"
