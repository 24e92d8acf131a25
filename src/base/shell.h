/* SPDX-License-Identifier: MIT */
/* Command lines as a shell takes them. */
#ifndef BASE_SHELL_H
#define BASE_SHELL_H

#include <stdio.h>

/* One word, quoted where it has to be. The caller frees it; NULL: no memory. */
char *shell_quote(const char *word);

/* The same, written. */
void shell_word(FILE *stream, const char *word);

#endif
