create table if not exists companion (
  code text primary key,
  name text not null,
  points integer not null check (points > 0)
);
insert into companion (code, name, points) values
  ('seed', 'Seed', 1), ('sprout', 'Sprout', 50), ('tree', 'Tree', 200)
on conflict (code) do nothing;
create table if not exists owned (
  account_id uuid not null,
  code text not null references companion,
  primary key (account_id, code)
);
