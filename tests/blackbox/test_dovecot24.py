"""podop under a real Dovecot 2.4: what examples/dovecot-2.4 promises.

Dovecot 2.4 has no passdb and userdb of the driver "dict": there, podop.lua asks podop.
"""

import harness
import test_dovecot23 as dovecot23
from dovecot_case import FAILED


class With24:
    """What differs from Dovecot 2.3."""

    version = "2.4"
    quota_field = {"quota_storage_size": "2000k"}
    auth_test_temporary = FAILED

    def target(self, table):
        """doveadm names a table by the block of the configuration that uses it."""
        return {"quota": "quota_clone", "meta": "mail_attribute"}[table]


class Doveadm(With24, dovecot23.Doveadm):
    pass


class DoveadmThroughDictServer(With24, dovecot23.DoveadmThroughDictServer):
    pass


class Multiplexed(With24, dovecot23.Multiplexed):
    pass


class Users(With24, dovecot23.Users):
    pass


class Mail(With24, dovecot23.Mail):
    pass


class MailThroughDictServer(With24, dovecot23.MailThroughDictServer):
    pass


if __name__ == "__main__":
    harness.main()
