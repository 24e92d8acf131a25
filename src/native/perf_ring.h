/* SPDX-License-Identifier: MIT */
/* The ring that the kernel writes perf events to: perf_event_open(2), MMAP layout. */
#ifndef NATIVE_PERF_RING_H
#define NATIVE_PERF_RING_H

#include <stddef.h>
#include <stdint.h>

struct perf_ring {
	void *page; /* struct perf_event_mmap_page; NULL: none */
	size_t data_bytes;
};

/* Map the ring of an event: as large as it may be, at most `most` pages (a power of
 * two). 0 or an errno. */
int perf_ring_open(int fd, size_t most, struct perf_ring *ret_ring);
void perf_ring_close(struct perf_ring *ring);

/* Takes out one record: returns its size, 0 if there is none. A record is at most 64 KiB
 * long, which `buffer` holds. */
size_t perf_ring_take(struct perf_ring *ring, uint8_t buffer[65536]);

#endif
