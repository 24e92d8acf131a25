/* SPDX-License-Identifier: MIT */
#include "native/perf_ring.h"

#include <errno.h>
#include <linux/perf_event.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

enum { PAGE_BYTES = 4096 };

int perf_ring_open(int fd, size_t most, struct perf_ring *ret_ring)
{
	/* perf_event_mlock_kb bounds what others than root may have. */
	int error = 0;
	for (size_t pages = most; pages >= 16; pages /= 2) {
		void *page = mmap(NULL, (1 + pages) * PAGE_BYTES, PROT_READ | PROT_WRITE,
				  MAP_SHARED, fd, 0);
		if (page != MAP_FAILED) {
			*ret_ring = (struct perf_ring){page, pages * PAGE_BYTES};
			return 0;
		}
		error = errno;
		if (error != EPERM && error != ENOMEM)
			break;
	}
	return error;
}

void perf_ring_close(struct perf_ring *ring)
{
	if (ring->page)
		munmap(ring->page, ring->data_bytes + PAGE_BYTES);
	*ring = (struct perf_ring){0};
}

static void copy_out(const struct perf_ring *ring, uint64_t at, void *buffer, size_t length)
{
	const uint8_t *data = (const uint8_t *)ring->page + PAGE_BYTES;
	size_t offset = at % ring->data_bytes;
	size_t first = ring->data_bytes - offset < length ? ring->data_bytes - offset : length;
	memcpy(buffer, data + offset, first);
	memcpy((uint8_t *)buffer + first, data, length - first);
}

size_t perf_ring_take(struct perf_ring *ring, uint8_t buffer[65536])
{
	struct perf_event_mmap_page *page = ring->page;
	uint64_t head = __atomic_load_n(&page->data_head, __ATOMIC_ACQUIRE);
	uint64_t tail = page->data_tail;
	struct perf_event_header header;
	if (head - tail < sizeof(header))
		return 0;
	copy_out(ring, tail, &header, sizeof(header));
	if (header.size < sizeof(header) || header.size > head - tail) {
		__atomic_store_n(&page->data_tail, head, __ATOMIC_RELEASE);
		return 0;
	}
	copy_out(ring, tail, buffer, header.size);
	__atomic_store_n(&page->data_tail, tail + header.size, __ATOMIC_RELEASE);
	return header.size;
}
