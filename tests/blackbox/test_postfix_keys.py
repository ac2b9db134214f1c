"""Mails through real Postfixes: podop's tables with `key` do with each what files of the same content do with it.

One Postfix searches its maps itself: they are made by postmap(1) from files. Two others ask podop, which has the same
content in json tables, and in a service that knows whole keys only and is asked by url tables. Each mail goes through
all three, and must have the same replies, recipients, rewritten addresses, bounces and places of delivery.
"""

import harness
import postfix_keys_mails
from postfix_keys_case import HashKind, PodopKind, WithKinds
from postfix_keys_mails import DIFFERENT


class PostfixKeys(WithKinds):
    def check(self, version):
        self.start(version, HashKind(), PodopKind("json"), PodopKind("url"))
        mails = [*postfix_keys_mails.mails(), *DIFFERENT]
        by_hash, *by_podop = self.send(mails)
        for postfix, outcomes in zip(self.postfixes[1:], by_podop):
            for mail, wanted, got in zip(mails, by_hash, outcomes):
                with self.subTest(mail=mail.name, tables=postfix.kind.name):
                    check = self.assertNotEqual if mail in DIFFERENT else self.assertEqual
                    check("\n".join(got), "\n".join(wanted))

    def test_postfix_3_7(self):
        self.check("3.7")

    def test_postfix_3_10(self):
        self.check("3.10")


if __name__ == "__main__":
    harness.main()
