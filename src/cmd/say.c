/* SPDX-License-Identifier: MIT */
#include "cmd/say.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "cmd/page.h"
#include "output/emitter.h"
#include "output/failure.h"

/* Nobody is left to be told where standard error cannot be written. */
static void put(const char *text, size_t length)
{
	ssize_t written = write(STDERR_FILENO, text, length);
	(void)written;
}

void say_error(const struct options *options, const struct heapspy_error *error)
{
	CLEANUP(freep) char *text = NULL;
	size_t length;
	FILE *stream = open_memstream(&text, &length);
	if (!stream) {
		static const char last_words[] = "heapspy: out of memory\n";
		put(last_words, sizeof(last_words) - 1);
		return;
	}
	print_failure(stream, error, options->ascii || !locale_is_unicode());
	if (options_json(options)) {
		CLEANUP(emitter_freep) struct emitter *emitter = json_emitter_new(
			&(struct emitter_style){
				.stream = stream,
				.ascii = options->ascii,
				.compact = true,
			});
		if (emitter)
			output_failure(emitter, error);
	}
	if (fclose(stream) == 0)
		put(text, length);
}

void say_remark(const struct options *options, const char *remark)
{
	char line[256];
	if (options->quiet)
		return;
	int length = snprintf(line, sizeof(line), "heapspy: %s\n", remark);
	put(line, (size_t)length < sizeof(line) ? (size_t)length : sizeof(line) - 1);
}
