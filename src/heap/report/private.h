/* SPDX-License-Identifier: MIT */
/* How a report is made. Callers want <heapspy/report.h>. */
#ifndef HEAP_REPORT_PRIVATE_H
#define HEAP_REPORT_PRIVATE_H

#include <heapspy/report.h>

/* ---- report_ledger.c ------------------------------------------------------------- */

/* Whose the growth is, and whose memory it is that goes: report->changes, the sums
 * that are known on the way, threads. */
HEAPSPY_CHECK struct heapspy_error *report_keep_ledger(struct heapspy_report *report);

/* ---- report_types.c ----------------------------------------------------------------- */

/* Types and intervals, out of censuses and changes. `lines` says for each stack which
 * frame is its line. */
HEAPSPY_CHECK struct heapspy_error *report_join_types(struct heapspy_report *report,
						      const uint32_t *lines);

#endif
