/* SPDX-License-Identifier: MIT */
#include "cmd/sandbox.h"

#include <stdio.h>

#include "cmd/say.h"

void sandbox_enter(const struct options *options, const struct heapspy_sandbox *sandbox)
{
	char line[200];
	if (options->no_sandbox) {
		say_remark(options, "no sandbox: what it reads is trusted");
		return;
	}
	struct heapspy_error *error = heapspy_sandbox_enter(sandbox);
	if (!error)
		return;
	snprintf(line, sizeof(line), "no sandbox: %s", error->why ?: error->what);
	say_remark(options, line);
	heapspy_error_free(error);
}
