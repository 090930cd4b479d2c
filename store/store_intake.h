/* store_intake: batches from the scanners, their bundles, and whose each page is.
 *
 *   batch   one load of a folder, by a person
 *   bundle  files that the scanner made of one stack, in order: what is sorted at once
 *   page    of a file of a bundle: an application's, or in a list of open ones
 *
 * Written by raft/fsm_intake.c. Invariants:
 *   I1  a bundle's id is a hash of its files' hashes: what is loaded twice is one;
 *   I2  a page is in exactly one place: assigned to one application, discarded by a
 *       person, or in the list of its problem;
 *   I3  a file belongs to the bundle that brought it first.
 * Thread: the transaction's. */
#ifndef STORE_STORE_INTAKE_H
#define STORE_STORE_INTAKE_H

#include "store/base/limits.h"
#include "store/store.h"
#include "store/store_application.h"
#include "store/store_blob.h"

struct intake_batch {
    struct id128 id; /* of the folder's files: the same folder is the same batch */
    char label[65];
    enum client_environment environment;
    struct id128 staff;
    uint32_t received_day; /* of the post: days since 1970, Japan's */
    uint64_t created_ms;
    uint32_t bundles, sorted, pages, open_pages;
};

/* Numbers are stored; never reuse one. */
enum scan_format { SCAN_TIFF = 1, SCAN_PDF = 2, SCAN_JPEG = 3, SCAN_PNG = 4 };
enum bundle_state { BUNDLE_SORTING = 1, BUNDLE_SORTED = 2 };
enum page_kind {
    PAGE_UNKNOWN = 0,
    PAGE_FORM = 1,
    PAGE_CERTIFICATE = 2,
    PAGE_OTHER = 3,
    PAGE_BLANK = 4,
    PAGE_UNREADABLE = 5,
};
#define PAGE_KIND_LAST PAGE_UNREADABLE
/* How it is known whose a page is. */
enum page_how {
    PAGE_BY_NOTHING = 0,
    PAGE_BY_QR = 1,
    PAGE_BY_PRINT = 2,
    PAGE_BY_NEIGHBOUR = 3, /* of a form in the same bundle */
    PAGE_BY_HAND = 4,
};
enum page_state {
    PAGE_ASSIGNED = 1,
    PAGE_DISCARDED = 2,
    PAGE_OPEN_UNREADABLE = 3, /* no id on it, or no image at all */
    PAGE_OPEN_UNMATCHED = 4,  /* an id that no application has */
    PAGE_OPEN_SURPLUS = 5,    /* of an application that takes no more */
    PAGE_OPEN_DUPLICATE = 6,  /* the file came before */
};
#define PAGE_STATE_LAST PAGE_OPEN_DUPLICATE

struct intake_file {
    struct blob_id blob;
    uint64_t size;
    enum scan_format format;
    char name[129]; /* as the scanner named it */
};
struct intake_page {
    uint8_t file;
    uint16_t number; /* in the file, from 0 */
    enum page_kind kind;
    enum page_how how;
    enum page_state state;
    struct application_id id; /* as read or assigned; "" */
};
struct intake_bundle {
    struct id128 id;
    struct id128 batch;
    uint32_t position; /* in the batch */
    enum bundle_state state;
    enum client_environment environment;
    uint64_t created_ms;
    size_t files_count;
    struct intake_file files[LIMIT_BUNDLE_FILES];
    size_t pages_count;
    struct intake_page pages[LIMIT_BUNDLE_PAGES];
};

struct id128 store_intake_bundle_id(const struct intake_file *files, size_t count);

enum err store_intake_batch_get(struct store_read *read, struct id128 id,
                                struct intake_batch *ret_batch);
enum err store_intake_batch_put(struct store_write *write,
                                const struct intake_batch *batch);
/* The struct is large: callers give one from an arena. */
enum err store_intake_bundle_get(struct store_read *read, struct id128 id,
                                 struct intake_bundle *ret_bundle);
/* Insert or replace, with indexes. A bundle's files never change. */
enum err store_intake_bundle_put(struct store_write *write,
                                 const struct intake_bundle *bundle);
/* The bundle that brought the file (I3). ERR_NOT_FOUND. */
enum err store_intake_file_find(struct store_read *read, const struct blob_id *blob,
                                struct id128 *ret_bundle);

typedef bool store_intake_each_page(void *arg, struct id128 bundle, uint16_t page);
/* Pages of an application, in order of bundles and pages. */
enum err store_intake_walk_application(struct store_read *read,
                                       const struct application_id *id,
                                       store_intake_each_page *each, void *arg);
/* Pages in an open list, the oldest bundle first. */
enum err store_intake_walk_open(struct store_read *read, enum page_state state,
                                store_intake_each_page *each, void *arg);
/* Batches, the latest first; bundles of one, in their order. */
enum err store_intake_walk_batches(struct store_read *read,
                                   bool (*each)(void *arg, struct id128 batch),
                                   void *arg);
enum err store_intake_walk_bundles(struct store_read *read, struct id128 batch,
                                   bool (*each)(void *arg, struct id128 bundle),
                                   void *arg);

#endif
