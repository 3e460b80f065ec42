"""Tokens that end during a long create: the user's, and the one inside the nodes' command for signals."""

from tokens import create_with, password_token, revoke

TEMPLATE = ["--network-driver", "flannel", "--floating-ip-disabled"]


def test_token_revoked_once_the_stack_is_begun(tell, cloud, orders):
    """The rest of the create goes by the trust, and the nodes by their own credentials."""
    orders.give("revoked-", hold=True)
    story = tell("revoked")
    story.make_template(cloud, *TEMPLATE)
    token = password_token(cloud)
    create_with(cloud, story, token)
    story.until(lambda: len(story.servers()) == 2, "both servers")
    revoke(cloud, token)
    orders.give("revoked-", stale=True)
    story.complete()
    assert {record["signal_token"] for record in story.records()} == {"revoked"}
    story.delete()


def test_token_revoked_at_once(tell, cloud):
    """Whatever was done by then: the cluster is complete, or failed with a reason that says what to do."""
    story = tell("hasty")
    story.make_template(cloud, *TEMPLATE)
    token = password_token(cloud)
    create_with(cloud, story, token)
    revoke(cloud, token)
    row = story.wait("CREATE_COMPLETE", "CREATE_FAILED")
    if row["status"] == "CREATE_FAILED":
        assert "token" in row["status_reason"].lower(), row["status_reason"]
    story.delete()
