drop table embedding_models, dynamic_config, static_config;
