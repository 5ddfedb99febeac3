/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which pages of a file that is mapped read-only this process holds in memory. Given back, they are
 * the system's to keep or to drop, and come again from the file when they are touched. All of this
 * is advice: where the system knows none of it, files stay readable as before. Any thread may call.
 */
#ifndef OSPREY_BASE_OS_RESIDENT_H
#define OSPREY_BASE_OS_RESIDENT_H

#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

/* What of this process is in memory; 0 where the system does not tell. */
size_t osprey__resident_bytes(void);

/* What of the machine's memory could be had now; SIZE_MAX where the system does not tell. */
size_t osprey__available_bytes(void);

/* What the calling thread has read from disks so far; 0 where the system does not tell. */
uint64_t osprey__disk_read_bytes(void);

/*
 * Touching a small page brings its neighbours along, up to such a boundary, if they are at hand:
 * what begins and ends on one gets no pages from beside it.
 */
#define OSPREY__PAGES_AROUND ((size_t)64 << 10)

size_t osprey__page_bytes(void);

/* Will be read from front to back, and not again soon. */
void osprey__pages_pass_once(const void *begin, size_t bytes);

/* Begins to read all of it, without waiting. */
void osprey__pages_read_ahead(const void *begin, size_t bytes);

/* Read from the disk, huge pages are wanted for it, which are read and mapped as one. */
void osprey__pages_are_large(const void *begin, size_t bytes);

/* Waits until all of it is there; gives up as soon as *stop. */
void osprey__pages_bring(const void *begin, size_t bytes, const atomic_bool *stop);

/* The whole pages in it. Of a read-only file mapping only: elsewhere contents would be lost. */
void osprey__pages_give_back(const void *begin, size_t bytes);

/* The same, and takes them out of the system's cache unless another process uses them. */
void osprey__pages_drop(const void *begin, size_t bytes);

#endif
