-- Failed attempts to sign in or to authenticate, so that guessing is slow, whichever server is asked and however often it restarts.
CREATE TABLE throttles (
    subject text NOT NULL,
    failures integer NOT NULL,
    last_failed_at timestamptz NOT NULL,
    CONSTRAINT throttles_pkey PRIMARY KEY (subject)
);
CREATE INDEX throttles_last_failed_at ON throttles (last_failed_at);
COMMENT ON TABLE throttles IS 'Belongs to no tenant: most subjects are addresses and names that nobody has.';
COMMENT ON COLUMN throttles.subject IS 'What is counted, with its kind in front: an account, a client at an address, an address.';
