-- name: fold_lexeme_counts
select fold_lexeme_counts()
