/* SPDX-License-Identifier: MIT */
/* The list of processes as a table for a file. */
#include "export.h"
#include "table.h"

static const struct tui_column columns[] = {
    {"pid", TUI_ID},
    {"parent", TUI_ID},
    {"state", TUI_NAME},
    {"walked", TUI_TIME},
    {"rss", TUI_BYTES},
    {"pss", TUI_BYTES},
    {"private", TUI_BYTES},
    {"heap", TUI_BYTES},
    {"live", TUI_BYTES},
    {"objects", TUI_COUNT},
    {"bytes_per_minute", TUI_BYTES_CHANGE},
    {"bytes_since_last", TUI_BYTES_CHANGE},
    {"bytes_since_baseline", TUI_BYTES_CHANGE},
    {"suspect", TUI_FLAG},
    {"grows", TUI_NAME},
    {"command", TUI_NAME},
};

static const char *state_of(const struct member *member)
{
	const struct heapspy_sample *sample = member->app.model.sample;
	return member_is_gone(member)		? "gone"
	       : !sample			? "attached"
	       : sample->trouble		? "trouble"
						: "live";
}

/* All of it is known only after a heap walk. */
static bool add(struct tui_table *table, const struct member *member)
{
	const struct model *model = &member->app.model;
	const struct heapspy_sample *sample = model->sample;
	const struct heapspy_dump *dump = sample && sample->census ? sample->census->dump : NULL;
	const struct growth *suspect = model_suspect(model);
	uint64_t unknown = HEAPSPY_UNKNOWN;
	return ADD(table, INTEGER(member->pid), INTEGER(member->parent), TEXT(state_of(member)),
		   REAL(dump ? dump->capture.time : TUI_NOT_KNOWN),
		   NATURAL(dump ? dump->memory.rss : unknown),
		   NATURAL(dump ? dump->memory.pss : unknown),
		   NATURAL(dump ? dump->memory.uss : unknown),
		   NATURAL(dump ? model_heap(sample) : unknown),
		   NATURAL(dump ? model_live(sample) : unknown),
		   NATURAL(dump ? dump->total.objects : unknown),
		   REAL(member_growth(member, SINCE_MINUTE)),
		   REAL(member_growth(member, SINCE_LAST)),
		   REAL(member_growth(member, SINCE_BASELINE)), NATURAL(suspect != NULL),
		   TEXT(suspect ? suspect->type->name : NULL), TEXT(member->command));
}

bool export_make_list(struct group *group, struct tui_table *ret_table)
{
	struct tui_table table = {
	    .view = EXPORT_LIST,
	    .time = group->front.now,
	    .columns = columns,
	    .column_count = sizeof(columns) / sizeof(*columns),
	};
	for (size_t i = 0; i < group->count; i++) {
		if (add(&table, group->members[i]))
			continue;
		export_fini(&table);
		return false;
	}
	*ret_table = table;
	return true;
}
