/* SPDX-License-Identifier: MIT */
#include "target/process/pages.h"

#include <errno.h>
#include <linux/ioctl.h>
#include <sys/ioctl.h>

#include "base/io.h"
#include "target/process/presence.h"

/* ---- the entries of pagemap: Documentation/admin-guide/mm/pagemap.rst ---- */

static const uint64_t ENTRY_PRESENT = UINT64_C(1) << 63;
static const uint64_t ENTRY_SWAPPED = UINT64_C(1) << 62;
static const uint64_t ENTRY_FILE = UINT64_C(1) << 61;
static const uint64_t ENTRY_GUARD = UINT64_C(1) << 58; /* Linux 6.15; looks like swapped */

enum {
	ENTRIES = 512,
	NOTHING = -1,
};

static int kind_of(uint64_t entry, bool files)
{
	if (entry & ENTRY_PRESENT)
		return files && entry & ENTRY_FILE ? PAGES_FILE : PAGES_ANONYMOUS;
	return entry & ENTRY_SWAPPED && !(entry & ENTRY_GUARD) ? PAGES_SWAPPED : NOTHING;
}

static int read_entries(int pagemap, uint64_t start, uint64_t end, bool files, pages_visitor *visit,
			void *context)
{
	uint64_t entries[ENTRIES], run = start;
	int kind = NOTHING;
	for (uint64_t at = start; at < end;) {
		uint64_t wanted = (end - at) / TARGET_PAGE;
		if (wanted > ENTRIES)
			wanted = ENTRIES;
		ssize_t got = io_pread_all(pagemap, entries, wanted * sizeof(*entries),
					   (off_t)(at / TARGET_PAGE * sizeof(*entries)));
		if (got < (ssize_t)sizeof(*entries))
			return got < 0 ? errno : ESRCH;
		for (size_t i = 0; i < got / sizeof(*entries); i++, at += TARGET_PAGE) {
			int next = kind_of(entries[i], files);
			if (next == kind)
				continue;
			if (kind != NOTHING && !visit(context, run, at, kind))
				return 0;
			run = at;
			kind = next;
		}
	}
	if (kind != NOTHING)
		visit(context, run, end, kind);
	return 0;
}

/* ---- PAGEMAP_SCAN: include/uapi/linux/fs.h of Linux 6.7 ------------------ */

struct scanned_region {
	uint64_t start, end, categories;
};

struct scan_arguments {
	uint64_t size, flags, start, end, walk_end, regions, region_count, max_pages;
	uint64_t category_inverted, category_mask, category_any, return_mask;
};

_Static_assert(sizeof(struct scan_arguments) == 96, "it is part of the number of the ioctl");

enum {
	SCAN_FILE = 1 << 2,
	SCAN_PRESENT = 1 << 3,
	SCAN_SWAPPED = 1 << 4,
	REGIONS = 512,
};

/* To ask for a category that it need not tell costs the kernel a look at each page. */
struct passed_on {
	pages_visitor *visit;
	void *context;
	bool ended;
};

static bool pass_on(void *context, uint64_t start, uint64_t end, enum pages_kind kind)
{
	struct passed_on *passed = context;
	passed->ended = !passed->visit(passed->context, start, end, kind);
	return !passed->ended;
}

/* The scan takes guard markers for swapped pages: only the entries tell. */
static bool visit_swapped(int pagemap, const struct scanned_region *region, pages_visitor *visit,
			  void *context)
{
	struct passed_on passed = {visit, context, false};
	if (read_entries(pagemap, region->start, region->end, false, pass_on, &passed) != 0)
		return visit(context, region->start, region->end, PAGES_SWAPPED);
	return !passed.ended;
}

static int scan(int pagemap, uint64_t start, uint64_t end, uint64_t told, pages_visitor *visit,
		void *context)
{
	struct scanned_region regions[REGIONS];
	while (start < end) {
		struct scan_arguments arguments = {
			.size = sizeof(arguments),
			.start = start,
			.end = end,
			.regions = (uintptr_t)regions,
			.region_count = REGIONS,
			.category_any = SCAN_PRESENT | SCAN_SWAPPED,
			.return_mask = told,
		};
		int count = ioctl(pagemap, PAGES_SCAN_REQUEST, &arguments);
		if (count < 0 && errno == EINTR)
			continue;
		if (count < 0)
			return errno;
		for (int i = 0; i < count; i++) {
			uint64_t categories = regions[i].categories;
			bool present = categories & SCAN_PRESENT;
			enum pages_kind kind =
				categories & SCAN_FILE ? PAGES_FILE : PAGES_ANONYMOUS;
			if (!(present ? visit(context, regions[i].start, regions[i].end, kind)
				      : visit_swapped(pagemap, &regions[i], visit, context)))
				return 0;
		}
		if (arguments.walk_end <= start)
			return EIO;
		start = arguments.walk_end;
	}
	return 0;
}

/* ---- one or the other ---------------------------------------------------- */

static int scan_or_read(int pagemap, uint64_t start, uint64_t end, uint64_t told,
			pages_visitor *visit, void *context)
{
	int errnum = scan(pagemap, start, end, told, visit, context);
	/* What an older kernel says, and one whose filter of system calls knows it not. */
	if (errnum == ENOTTY || errnum == EINVAL || errnum == EPERM || errnum == ENOSYS)
		errnum = read_entries(pagemap, start, end, told & SCAN_FILE, visit, context);
	return errnum;
}

int pages_scan(int pagemap, uint64_t start, uint64_t end, pages_visitor *visit, void *context)
{
	return scan_or_read(pagemap, start, end, SCAN_PRESENT | SCAN_SWAPPED | SCAN_FILE, visit,
			    context);
}

int pages_scan_anonymous(int pagemap, uint64_t start, uint64_t end, pages_visitor *visit,
			 void *context)
{
	return scan_or_read(pagemap, start, end, SCAN_PRESENT | SCAN_SWAPPED, visit, context);
}
