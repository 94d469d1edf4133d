-- A table partitioned by time, and one of its partitions by hash; the key has the time in
-- it, first.
CREATE TABLE month_songs (
    id uuid NOT NULL DEFAULT gen_random_uuid(),
    user_id uuid NOT NULL DEFAULT gen_random_uuid(),
    task_id text,
    title text,
    status text NOT NULL DEFAULT 'pending' CHECK (status IN ('pending', 'processing', 'completed', 'failed')),
    audio_url text,
    error text,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (created_at, id)
) PARTITION BY RANGE (created_at);
CREATE TABLE month_songs_2020 PARTITION OF month_songs FOR VALUES FROM ('2020-01-01') TO ('2021-01-01');
CREATE TABLE month_songs_now PARTITION OF month_songs FOR VALUES FROM ('2021-01-01') TO ('2200-01-01') PARTITION BY HASH (id);
CREATE TABLE month_songs_now_0 PARTITION OF month_songs_now FOR VALUES WITH (MODULUS 2, REMAINDER 0);
CREATE SCHEMA other;
CREATE TABLE other."Songs, odd" PARTITION OF month_songs_now FOR VALUES WITH (MODULUS 2, REMAINDER 1);
