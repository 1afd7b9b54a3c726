drop function anybody_waits();
