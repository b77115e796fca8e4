create table if not exists profile (
  account_id uuid primary key,
  nickname text not null,
  points integer not null default 0 check (points >= 0),
  updated_at timestamptz not null default now()
);
