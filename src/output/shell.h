/* SPDX-License-Identifier: MIT */
/* Command lines as a shell takes them. */
#ifndef OUTPUT_SHELL_H
#define OUTPUT_SHELL_H

#include <stdio.h>

/* One word, quoted where it has to be. */
void shell_word(FILE *stream, const char *word);

#endif
