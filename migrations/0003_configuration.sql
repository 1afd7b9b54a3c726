-- How to answer: what a deployment fixes, what an administrator may change, and which model embeds.

create table static_config (
    id integer primary key default 1 check (id = 1),
    deployment_name text not null default 'Alcove' check (length(deployment_name) between 1 and 100),
    session_lifetime_days integer not null default 30 check (session_lifetime_days between 1 and 365),
    chunk_size integer not null default 200 check (chunk_size between 16 and 8192),
    chunk_overlap integer not null default 32 check (chunk_overlap >= 0),
    created_at timestamptz not null default now(),
    check (chunk_overlap * 2 <= chunk_size)
);
insert into static_config default values;
call protect('static_config');
create policy read on static_config for select to alcove_app using (true);
grant select on static_config to alcove_app;

create table dynamic_config (
    id integer primary key default 1 check (id = 1),
    num_documents_to_retrieve integer not null default 10 check (num_documents_to_retrieve between 1 and 100),
    bm25_weight numeric(3, 2) not null default 0.3 check (bm25_weight between 0 and 1),
    semantic_weight numeric(3, 2) not null default 0.7 check (semantic_weight between 0 and 1),
    updated_by uuid references users on delete set null,
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now(),
    check (bm25_weight + semantic_weight > 0)
);
create trigger touch before update on dynamic_config for each row execute function touch_updated_at();
insert into dynamic_config default values;
call protect('dynamic_config');
create policy read on dynamic_config for select to alcove_app using (true);
create policy change on dynamic_config for update to alcove_app using ((select app_is_admin()));
grant select, update on dynamic_config to alcove_app;

create table embedding_models (
    id smallint generated always as identity primary key,
    name text not null unique check (length(name) between 1 and 200),
    dimension integer not null check (dimension between 1 and 4000),
    is_active boolean not null default false,
    created_at timestamptz not null default now()
);
create unique index embedding_models_one_active on embedding_models (is_active) where is_active;
insert into embedding_models (name, dimension, is_active) values ('all-minilm-l6-v2', 384, true);
call protect('embedding_models');
create policy read on embedding_models for select to alcove_app using (true);
grant select on embedding_models to alcove_app;
