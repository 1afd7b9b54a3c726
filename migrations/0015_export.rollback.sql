drop function export_rows(text, text, integer), exported_tables();
