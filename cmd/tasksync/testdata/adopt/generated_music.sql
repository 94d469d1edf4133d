-- Words in upper case with a check, keys in varchar, times without a zone, and columns
-- that must not be empty.
CREATE TABLE generated_music (
    id varchar(36) PRIMARY KEY DEFAULT gen_random_uuid()::text,
    account_id bigint NOT NULL,
    external_id varchar(100),
    job_type varchar(20) NOT NULL DEFAULT 'song',
    state varchar(20) NOT NULL DEFAULT 'NEW',
    song_url varchar(500) NOT NULL DEFAULT '',
    stream_url varchar(500) NOT NULL DEFAULT '',
    lyrics text NOT NULL DEFAULT '',
    error_text varchar(200) NOT NULL DEFAULT '',
    error_code integer NOT NULL DEFAULT 0,
    credits integer NOT NULL CHECK (credits > 0),
    created timestamp NOT NULL DEFAULT now(),
    modified_at timestamp NOT NULL DEFAULT now(),
    CONSTRAINT known_state CHECK (state IN ('NEW', 'IN_PROGRESS', 'READY', 'ERROR', 'ARCHIVED'))
);
