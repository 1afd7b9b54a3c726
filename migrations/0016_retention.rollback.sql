drop index conversations_deleted;
drop function purge_expired(), drop_expired_partitions();
drop table retention;
