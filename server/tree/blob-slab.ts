/**
 * Memory for what has no fixed size: the name and data of each znode, as one blob.
 *
 * Blobs live outside of the JavaScript heap, so that a million of them are nothing to the garbage
 * collector. Sizes are rounded up to classes (steps of 8 bytes up to 512, then an eighth of a
 * power of two). A page of 64 KiB holds blobs of one class; when its last blob is freed it may
 * take on any other class. What is larger than the largest class is a Buffer of its own.
 *
 * A reference is an int32: 0 is no blob, a positive one counts units of 8 bytes, a negative one
 * names a Buffer of its own.
 */
import { assert } from "../../protocol/assert.ts";

export type BlobRef = number;

const UNIT_BITS = 3;
const PAGE_BITS = 16;
const CHUNK_BITS = 20;
const UNITS_PER_PAGE_BITS = PAGE_BITS - UNIT_BITS;
const UNITS_PER_CHUNK_BITS = CHUNK_BITS - UNIT_BITS;
const PAGES_PER_CHUNK = 1 << (CHUNK_BITS - PAGE_BITS);

/** Units are counted in 31 bits: 16 GiB of blobs, beside those with a Buffer of their own. */
const PAGES_MAX = 1 << (31 - UNITS_PER_PAGE_BITS);

const LINEAR_CLASSES = 64;
const LINEAR_MAX_BYTES = LINEAR_CLASSES << UNIT_BITS;
/** The largest size that shares a page. */
const SHARED_MAX_BYTES = 8192;
const CLASSES = sizeClass(SHARED_MAX_BYTES) + 1;

const NO_BYTES = Buffer.alloc(0);

/** Invariant: in its class's list of open pages if and only if 0 < live < capacity. */
class Page {
  readonly index: number;
  sizeClass = 0;
  blockBytes = 0;
  capacity = 0;
  /** Blobs in use. */
  live = 0;
  /** Blobs ever handed out since the page took on its class; those beyond are untouched memory. */
  touched = 0;
  /** The first freed block, as a reference; each freed block holds the next. */
  free: BlobRef = 0;
  previous: Page | undefined;
  next: Page | undefined;

  constructor(index: number) {
    this.index = index;
  }
}

export class BlobSlab {
  readonly #chunks: Buffer[] = [];
  readonly #views: DataView[] = [];
  readonly #pages: Page[] = [];
  /** By size class: the first page with room. */
  readonly #open: (Page | undefined)[] = new Array<Page | undefined>(CLASSES).fill(undefined);
  readonly #emptyPages: Page[] = [];
  readonly #large: Buffer[] = [];
  readonly #largeFree: number[] = [];

  /** A blob of `size` bytes with undefined content; 0 for size 0. */
  allocate(size: number): BlobRef {
    if (size === 0) return 0;
    if (size > SHARED_MAX_BYTES) return this.#allocateLarge(size);
    const wanted = sizeClass(size);
    const page = this.#open[wanted] ?? this.#openPage(wanted);
    page.live++;
    if (page.live === page.capacity) this.#unlink(page);
    const ref = page.free;
    if (ref !== 0) {
      page.free = this.#view(ref).getInt32(this.offset(ref));
      return ref;
    }
    const units = (page.touched++ * page.blockBytes) >>> UNIT_BITS;
    return (page.index << UNITS_PER_PAGE_BITS) + units;
  }

  /** Gives back a blob. Its bytes must not be used any more. */
  free(ref: BlobRef): void {
    if (ref === 0) return;
    if (ref < 0) {
      this.#large[-ref - 1] = NO_BYTES;
      this.#largeFree.push(-ref - 1);
      return;
    }
    const page = this.#pages[ref >>> UNITS_PER_PAGE_BITS];
    assert(page !== undefined && page.live > 0, "a freed blob was in use");
    if (page.live === page.capacity) this.#link(page);
    this.#view(ref).setInt32(this.offset(ref), page.free);
    page.free = ref;
    page.live--;
    if (page.live === 0) {
      this.#unlink(page);
      this.#emptyPages.push(page);
    }
  }

  /** Whether a blob of `size` bytes can hold `otherSize` bytes with no memory lost. */
  fits(size: number, otherSize: number): boolean {
    if (size === 0 || otherSize === 0) return size === otherSize;
    if (size > SHARED_MAX_BYTES || otherSize > SHARED_MAX_BYTES) return size === otherSize;
    return sizeClass(size) === sizeClass(otherSize);
  }

  /** The memory that holds a blob, which starts at `offset(ref)`. */
  bytes(ref: BlobRef): Buffer {
    const bytes = ref < 0 ? this.#large[-ref - 1] : this.#chunks[ref >>> UNITS_PER_CHUNK_BITS];
    return bytes ?? NO_BYTES;
  }

  /** As `bytes`; undefined for a blob with a Buffer of its own and for no blob. */
  view(ref: BlobRef): DataView | undefined {
    return ref > 0 ? this.#views[ref >>> UNITS_PER_CHUNK_BITS] : undefined;
  }

  offset(ref: BlobRef): number {
    return ref < 0 ? 0 : (ref & ((1 << UNITS_PER_CHUNK_BITS) - 1)) << UNIT_BITS;
  }

  /** Bytes of memory taken, used or not. */
  get capacityBytes(): number {
    let total = this.#chunks.length << CHUNK_BITS;
    for (const bytes of this.#large) total += bytes.length;
    return total;
  }

  #view(ref: BlobRef): DataView {
    const view = this.#views[ref >>> UNITS_PER_CHUNK_BITS];
    assert(view !== undefined, "a blob's reference lies inside the slab");
    return view;
  }

  #allocateLarge(size: number): BlobRef {
    const at = this.#largeFree.pop() ?? this.#large.length;
    this.#large[at] = Buffer.allocUnsafeSlow(size);
    return -at - 1;
  }

  #openPage(wanted: number): Page {
    const page = this.#emptyPages.pop() ?? this.#newPages();
    page.sizeClass = wanted;
    page.blockBytes = classBytes(wanted);
    page.capacity = Math.floor((1 << PAGE_BITS) / page.blockBytes);
    page.touched = 0;
    page.free = 0;
    this.#link(page);
    return page;
  }

  /** Takes memory for some pages and returns the first. Page 0 stays unused: 0 is no reference. */
  #newPages(): Page {
    const first = this.#pages.length;
    assert(first + PAGES_PER_CHUNK <= PAGES_MAX, "names and data of znodes fit into 16 GiB");
    const chunk = Buffer.allocUnsafeSlow(1 << CHUNK_BITS);
    this.#chunks.push(chunk);
    this.#views.push(new DataView(chunk.buffer, chunk.byteOffset, chunk.length));
    const pages: Page[] = [];
    for (let i = first; i < first + PAGES_PER_CHUNK; i++) pages.push(new Page(i));
    this.#pages.push(...pages);
    const usable = first === 0 ? pages.slice(1) : pages;
    const [page, ...rest] = usable;
    assert(page !== undefined, "a chunk has more than one page");
    this.#emptyPages.push(...rest.reverse());
    return page;
  }

  #link(page: Page): void {
    const first = this.#open[page.sizeClass];
    page.previous = undefined;
    page.next = first;
    if (first !== undefined) first.previous = page;
    this.#open[page.sizeClass] = page;
  }

  #unlink(page: Page): void {
    if (page.previous === undefined) this.#open[page.sizeClass] = page.next;
    else page.previous.next = page.next;
    if (page.next !== undefined) page.next.previous = page.previous;
    page.previous = undefined;
    page.next = undefined;
  }
}

/** 1 to 64 for multiples of 8 bytes, then eight classes for each power of two. */
function sizeClass(size: number): number {
  if (size <= LINEAR_MAX_BYTES) return (size + 7) >>> UNIT_BITS;
  const exponent = 31 - Math.clz32(size - 1);
  return LINEAR_CLASSES + (exponent - 10) * 8 + ((size - 1) >>> (exponent - 3)) + 1;
}

function classBytes(index: number): number {
  if (index <= LINEAR_CLASSES) return index << UNIT_BITS;
  const step = index - LINEAR_CLASSES - 1;
  return ((step & 7) + 9) << ((step >>> 3) + 6);
}
