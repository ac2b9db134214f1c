-- What sql_table.py asks, for SQLite and PostgreSQL alike. Names and addresses are in lower case.

CREATE TABLE domain (
    name TEXT PRIMARY KEY
);

CREATE TABLE mailbox (
    address TEXT PRIMARY KEY,
    password TEXT NOT NULL,            -- as "doveadm pw" prints it
    quota BIGINT NOT NULL DEFAULT 0    -- bytes; 0: no limit
);

CREATE TABLE alias (
    address TEXT NOT NULL,             -- or @example.com, for all that has no alias and no mailbox
    destination TEXT NOT NULL,         -- one of possibly several
    PRIMARY KEY (address, destination)
);

-- What Dovecot stores: IMAP METADATA, quotas in use and so on.
CREATE TABLE entry (
    dict TEXT NOT NULL,                -- the table of podop's
    owner TEXT NOT NULL,               -- whose it is; '': all share it
    path TEXT NOT NULL,
    value TEXT NOT NULL,
    PRIMARY KEY (dict, owner, path)
);
