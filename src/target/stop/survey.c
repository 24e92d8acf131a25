/* SPDX-License-Identifier: MIT */
/*
 * What a copy of a process consists of: the pages that it wrote, of all its private
 * mappings, but for what the plan leaves out.
 */
#include <string.h>

#include "target/stop/private.h"

struct survey {
	const struct mapping *mapping;
	bool files_too;
	stop_survey_visitor *add;
	void *context;
	bool ended;
};

static bool visit(void *context, uint64_t start, uint64_t end, enum pages_kind kind)
{
	struct survey *survey = context;
	if (kind == PAGES_FILE && mapping_is_file(survey->mapping) && !survey->files_too)
		return true;
	survey->ended = !survey->add(survey->context, start, end, kind != PAGES_SWAPPED);
	return !survey->ended;
}

static bool is_wanted(const struct mapping *mapping)
{
	return mapping->flags & MAPPING_READ && !(mapping->flags & MAPPING_SHARED) &&
	       strncmp(mapping->path, "[vvar", 5) != 0 && strcmp(mapping->path, "[vsyscall]") != 0;
}

static bool is_out_of_reach(const struct stop_job *job, const struct mapping *mapping)
{
	for (size_t i = 0; i < job->request.out_of_reach_count; i++)
		if (mapping->start >= job->out_of_reach[i].start &&
		    mapping->start < job->out_of_reach[i].end)
			return true;
	return false;
}

/* Where the kernel does not tell which pages there are, all of them are read. */
static int scan(int pagemap, uint64_t start, uint64_t end, struct survey *survey)
{
	if (pagemap >= 0 && mapping_is_file(survey->mapping))
		return pages_scan(pagemap, start, end, visit, survey);
	if (pagemap >= 0)
		return pages_scan_anonymous(pagemap, start, end, visit, survey);
	visit(survey, start, end, PAGES_ANONYMOUS);
	return 0;
}

static int survey_mapping(const struct stop_job *job, struct survey *survey, size_t *left_out)
{
	size_t count = job->request.left_out_count;
	uint64_t at = survey->mapping->start, end = survey->mapping->end;
	while (*left_out < count && job->left_out[*left_out].end <= at)
		++*left_out;
	for (size_t i = *left_out; at < end && !survey->ended; i++) {
		bool any = i < count && job->left_out[i].start < end;
		uint64_t stop = any ? job->left_out[i].start : end;
		int errnum = stop > at ? scan(job->process->pagemap, at, stop, survey) : 0;
		if (errnum || !any || survey->ended)
			return errnum;
		if (stop < at)
			stop = at;
		at = job->left_out[i].end < end ? job->left_out[i].end : end;
		survey->ended = !survey->add(survey->context, stop, at, false);
	}
	return 0;
}

int stop_survey(const struct stop_job *job, const struct maps *maps, stop_survey_visitor *add,
		void *context)
{
	size_t left_out = 0;
	for (size_t i = 0; i < maps->count; i++) {
		struct survey survey = {.mapping = &maps->items[i], .add = add, .context = context};
		if (!is_wanted(survey.mapping))
			continue;
		survey.files_too = is_out_of_reach(job, survey.mapping);
		int errnum = survey_mapping(job, &survey, &left_out);
		if (errnum || survey.ended)
			return errnum;
	}
	return 0;
}
