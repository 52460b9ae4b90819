/**
 * Shows growing text with ANSI colours, a piece at a time.
 */
import type { IRenderMime } from '@jupyterlab/rendermime';
import { renderText } from '@jupyterlab/rendermime';

/** The most characters that are kept on the page. */
const MOST_CHARACTERS = 2_000_000;

/** What colours and weights begin and end with. */
// eslint-disable-next-line no-control-regex -- the escape character is what is looked for
const COLOUR = /\x1b\[([0-9;]*)m/g;

/** Return a line as a terminal would show it: what stands before a carriage return is overwritten. */
function overwritten(line: string): string {
  const end = line.replace(/\r+$/, '');
  return end.slice(end.lastIndexOf('\r') + 1);
}

/** Return the colour that is on at the end of a text; "" for none. */
function lastColour(text: string): string {
  let last = '';
  for (const [code, number] of text.matchAll(COLOUR)) {
    last = /^0*$/.test(number ?? '') ? '' : code;
  }
  return last;
}

/** Text in a host node; whole lines are rendered once. */
export class AnsiText {
  /**
   * @param host - Emptied, and filled from then on.
   */
  constructor(
    private readonly _host: HTMLElement,
    private readonly _sanitizer: IRenderMime.ISanitizer
  ) {
    _host.classList.add('jp-RenderedText');
    _host.replaceChildren();
  }

  /** Whether the beginning was removed because there was too much. */
  isCut = false;

  /** Add a piece, which may end within a line. */
  append(piece: string): void {
    const text = this._rest + piece;
    const end = text.lastIndexOf('\n') + 1;
    this._rest = text.slice(end);
    this._tail?.remove();
    this._tail = null;
    if (end > 0) {
      const lines = text.slice(0, end).split('\n').map(overwritten);
      this._add(lines.join('\n'), true);
    }
    if (this._rest !== '') {
      this._tail = this._add(overwritten(this._rest), false);
    }
  }

  private _add(source: string, isWhole: boolean): HTMLElement {
    const node = document.createElement('div');
    const coloured = this._colour + source;
    void renderText({
      host: node,
      sanitizer: this._sanitizer,
      source: coloured
    });
    this._host.append(node);
    if (isWhole) {
      this._colour = lastColour(coloured);
      this._pieces.push({ node, length: source.length });
      this._length += source.length;
      this._cut();
    }
    return node;
  }

  private _cut(): void {
    while (this._length > MOST_CHARACTERS && this._pieces.length > 1) {
      const first = this._pieces.shift();
      first?.node.remove();
      this._length -= first?.length ?? 0;
      this.isCut = true;
    }
  }

  private readonly _pieces: { node: HTMLElement; length: number }[] = [];
  private _length = 0;
  private _colour = '';
  private _rest = '';
  private _tail: HTMLElement | null = null;
}
