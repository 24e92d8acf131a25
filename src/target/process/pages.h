/* SPDX-License-Identifier: MIT */
/*
 * The pages of a range of addresses, run by run, as the kernel has them at this
 * moment: the PAGEMAP_SCAN ioctl where there is one (Linux 6.7), else the entries
 * of /proc/PID/pagemap. Where presence.h answers for one address at a time and
 * remembers, this goes over much memory once.
 */
#ifndef TARGET_PAGES_H
#define TARGET_PAGES_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/ioctl.h>

/* The number of the ioctl: struct pm_scan_arg has 96 bytes. */
#define PAGES_SCAN_REQUEST _IOWR('f', 16, char[96])

enum pages_kind {
	PAGES_ANONYMOUS, /* in memory, of this process alone: what it wrote */
	PAGES_FILE,      /* in memory, of a file or shared */
	PAGES_SWAPPED,   /* swapped out; up to Linux 6.14 also a guard marker */
};

/* Called for each run, by address; what was never touched is left out. Ends the
 * scan by returning false. */
typedef bool pages_visitor(void *context, uint64_t start, uint64_t end, enum pages_kind kind);

/* `pagemap`: descriptor of that file. 0, or an errno. */
int pages_scan(int pagemap, uint64_t start, uint64_t end, pages_visitor *visit, void *context);

/* The same for memory without a file behind it, several times as fast: whatever is
 * in memory counts as PAGES_ANONYMOUS. */
int pages_scan_anonymous(int pagemap, uint64_t start, uint64_t end, pages_visitor *visit,
			 void *context);

#endif
