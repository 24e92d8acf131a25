/* SPDX-License-Identifier: MIT */
#include "base/shell.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

/* What no shell takes for anything but itself. Letters of other scripts are such. */
static bool is_plain(const char *word)
{
	static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
				    "0123456789_-+=./:,@%";
	const char *at = word;
	while (*at && (strchr(plain, *at) || *at & 0x80))
		at++;
	return *word && !*at;
}

char *shell_quote(const char *word)
{
	if (is_plain(word))
		return strdup(word);
	char *quoted = malloc(strlen(word) * 4 + 3), *to = quoted;
	if (!quoted)
		return NULL;
	*to++ = '\'';
	/* A quote is quoted by leaving the quotes for it: 'it'\''s'. */
	for (; *word; word++)
		to = *word == '\'' ? stpcpy(to, "'\\''") : (*to = *word, to + 1);
	strcpy(to, "'");
	return quoted;
}

void shell_word(FILE *stream, const char *word)
{
	char *quoted = shell_quote(word);
	fputs(quoted ? quoted : word, stream);
	free(quoted);
}
