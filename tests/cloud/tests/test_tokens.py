"""Tokens that end during a long create: the user's, and the one inside the nodes' command for signals."""

from tokens import create_with, password_token, revoke


def test_token_revoked_once_the_stack_is_begun(building, cloud, orders):
    """The rest of the create goes by the trust, and the nodes by their own credentials."""
    token = password_token(cloud)
    story = building("revoked", token=token)
    revoke(cloud, token)
    orders.give("revoked-", stale=True)
    story.complete()
    assert {record["signal_token"] for record in story.records()} == {"revoked"}
    story.delete()


def test_token_revoked_at_once(tell, cloud):
    """Whatever was done by then: the cluster is complete, or failed with a reason that says what to do."""
    story = tell("hasty")
    story.make_template(cloud, "--network-driver", "flannel", "--floating-ip-disabled")
    token = password_token(cloud)
    create_with(cloud, story, token)
    revoke(cloud, token)
    row = story.wait("CREATE_COMPLETE", "CREATE_FAILED")
    if row["status"] == "CREATE_FAILED":
        assert "token" in row["status_reason"].lower(), row["status_reason"]
    story.delete()
