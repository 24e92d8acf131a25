/* SPDX-License-Identifier: MIT */
#include "output/shell.h"

#include <stdbool.h>
#include <string.h>

void shell_word(FILE *stream, const char *word)
{
	/* A quote is quoted by leaving the quotes for it: 'it'\''s'. */
	bool bare = *word && !word[strcspn(word, " \t\n'\"\\$`&|;<>()*?[]{}~#!")];
	fputs(bare ? "" : "'", stream);
	for (const char *at = word; *at; at++)
		if (*at == '\'')
			fputs("'\\''", stream);
		else
			fputc(*at, stream);
	fputs(bare ? "" : "'", stream);
}
