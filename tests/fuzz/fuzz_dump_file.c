/* SPDX-License-Identifier: MIT */
/* A dump that was kept, and two of them compared. */
#include <heapspy/diff.h>
#include <heapspy/dump_file.h>

#include "exercise.h"
#include "harness.h"
#include "output/diff.h"

struct pair {
	struct heapspy_dump_file *file;
	struct heapspy_diff *diff;
};

static struct heapspy_error *print(struct emitter *emitter, void *context)
{
	struct pair *pair = context;
	struct diff_side side = {
	    .source = "dump",
	    .path = pair->file->path,
	    .target = &pair->file->target,
	    .python = pair->file->python,
	    .dump = pair->file->dump,
	};
	struct diff_view view = {0};
	return output_diff(emitter, &side, &side, pair->diff, &view);
}

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t length)
{
	struct pair pair;
	struct heapspy_error *error = heapspy_dump_load(exercise_file(input, length), &pair.file);
	if (error) {
		exercise_error(error);
		return 0;
	}
	error = heapspy_diff_make(pair.file->dump, pair.file->dump, &pair.diff);
	REQUIRE(error == NULL);
	REQUIRE(pair.diff->changed == 0);
	exercise_output(print, &pair, "types", (unsigned)length);
	heapspy_diff_free(pair.diff);
	heapspy_dump_file_free(pair.file);
	return 0;
}
