-- The tables of sql_table.py, for SQLite and for PostgreSQL. Names and addresses are in lower case, domains in ASCII.

CREATE TABLE domain (
    name TEXT PRIMARY KEY
);

CREATE TABLE mailbox (
    address TEXT PRIMARY KEY,
    password TEXT NOT NULL,            -- as "doveadm pw" prints it
    quota BIGINT NOT NULL DEFAULT 0    -- bytes; 0: no limit
);

CREATE TABLE alias (
    address TEXT NOT NULL,             -- or @example.com, for every address without an alias and a mailbox
    destination TEXT NOT NULL,         -- an address can have several
    PRIMARY KEY (address, destination)
);

-- Values that Dovecot stores: IMAP METADATA, quotas in use and so on.
CREATE TABLE entry (
    dict TEXT NOT NULL,                -- the name of the table in podop.conf
    owner TEXT NOT NULL,               -- the user; '' for a value that all users share
    path TEXT NOT NULL,
    value TEXT NOT NULL,
    PRIMARY KEY (dict, owner, path)
);
