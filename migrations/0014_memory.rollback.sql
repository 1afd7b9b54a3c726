delete from rate_limits where name = 'memory';
drop function find_unindexed_users(interval, integer);
drop function write_memory(text, text, text, real, text, uuid, uuid, text[], real, real, integer);
drop trigger queue_index on messages;
drop function queue_message_index();
drop table message_index_queue, message_embeddings, message_terms, memory_embeddings, memory_items;
