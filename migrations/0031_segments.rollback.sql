-- The mended function stays: the former one lost passages.
alter table lexical_segments drop constraint lexical_segments_numbers_check;
