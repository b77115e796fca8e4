create table if not exists place (
  id bigint generated always as identity primary key,
  name text not null unique,
  latitude double precision not null check (latitude between -90 and 90),
  longitude double precision not null check (longitude between -180 and 180)
);
