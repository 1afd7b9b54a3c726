-- AI Chat 2.1, as far as a move reads it. Every text names its column, so that a test finds it again.
create table users (
    id uuid primary key, email varchar(255), name varchar(255), hashed_password varchar(255), is_active boolean,
    created_at timestamptz, updated_at timestamptz);
create table sessions (
    id uuid primary key, title varchar(255), user_id uuid references users, created_at timestamptz, updated_at timestamptz);
create table messages (
    id uuid primary key, session_id uuid references sessions, role text, content text, persona text, tone text,
    behavior text, context_type text, confidence float, signal_strength float, context_clarity integer,
    needs_knowledge integer, model_name text, prompt_tokens integer, completion_tokens integer, is_mistake integer,
    mistake_note text, created_at timestamp);
insert into users values
    ('00000000-0000-4000-8000-000000000001', 'Ada@Example.org', 'users.name', '{password}', true, now(), now()),
    ('00000000-0000-4000-8000-000000000002', 'Grace@Example.org', 'Grace', '{password}', false, now(), now());
insert into sessions values
    ('00000000-0000-4000-8000-00000000000a', 'sessions.title', '00000000-0000-4000-8000-000000000001',
     now() - interval '3 days', now() - interval '2 days');
insert into messages values
    ('ffffffff-0000-4000-8000-000000000001', '00000000-0000-4000-8000-00000000000a', 'user', 'messages.content',
     'messages.persona', 'messages.tone', 'messages.behavior', 'messages.context_type', 0.25, null, 1, 1, null, null, null,
     0, 'messages.note_of_a_question', now() - interval '2 days'),
    ('00000000-0000-4000-8000-000000000002', '00000000-0000-4000-8000-00000000000a', 'assistant', 'messages.answer',
     null, null, null, null, null, 0.5, 0, 0, 'messages.model_name', 1234, 567, 1, 'messages.mistake_note',
     now() - interval '2 days' + interval '1 second');
