"""What the package's own file does, with the settings that the environment names."""

from django.core.wsgi import get_wsgi_application

application = get_wsgi_application()
