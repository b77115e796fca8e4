create table if not exists conversation (
  id uuid primary key default gen_random_uuid(),
  account_id uuid not null,
  started_at timestamptz not null default now()
);
create table if not exists message (
  conversation_id uuid not null references conversation on delete cascade,
  position integer not null,
  author text not null check (author in ('user', 'assistant')),
  body_encrypted bytea not null,
  primary key (conversation_id, position)
);
