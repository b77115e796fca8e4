create table if not exists article (
  slug text primary key,
  title text not null,
  body text not null,
  published_at timestamptz
);
insert into article (slug, title, body) values
  ('welcome', 'Welcome', 'What goes into which bin, and why.')
on conflict (slug) do nothing;
