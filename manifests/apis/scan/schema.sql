create table if not exists scan (
  id uuid primary key default gen_random_uuid(),
  account_id uuid not null,
  image_key text not null,
  category text,
  scanned_at timestamptz not null default now()
);
create index if not exists scan_by_account on scan (account_id, scanned_at desc);
