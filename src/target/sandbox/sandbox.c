/* SPDX-License-Identifier: MIT */
#include <heapspy/sandbox.h>

#include <stddef.h>

#include "base/error.h"
#include "target/sandbox/filter.h"
#include "target/sandbox/privileges.h"

struct heapspy_error *heapspy_sandbox_enter(const struct heapspy_sandbox *sandbox)
{
	struct filter_allowances allowances = {
		.creates = sandbox->creates,
		.watches = sandbox->watches,
		.screen = sandbox->screen,
		.child = sandbox->child,
	};
	/* What fails of these leaves rights that the filter mostly takes as well. */
	privileges_reduce(sandbox->watches	 ? PRIVILEGES_WATCHER
			  : sandbox->processes ? PRIVILEGES_PROCESSES
					       : PRIVILEGES_FILES);
	if (!sandbox->processes && !sandbox->creates)
		privileges_fence();
	privileges_hide_memory();
	int errnum = filter_install(FILTER_READER, &allowances);
	if (!errnum)
		return NULL;
	return error_errno(HEAPSPY_LIMIT, errnum, "there is no sandbox to be had");
}
