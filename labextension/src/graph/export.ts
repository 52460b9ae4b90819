/**
 * A drawn graph as the text of a file.
 */

/** What is needed to look the same outside the page. */
const PROPERTIES = [
  'color',
  'fill',
  'font-family',
  'font-size',
  'font-weight',
  'opacity',
  'paint-order',
  'stroke',
  'stroke-dasharray',
  'stroke-linecap',
  'stroke-linejoin',
  'stroke-width',
  'text-anchor'
];

/** Return a drawing as a file of its own, in the colours that it has now. */
export function svgText(
  drawing: SVGSVGElement,
  width: number,
  height: number
): string {
  const copy = drawing.cloneNode(true) as SVGSVGElement;
  const copies = [...copy.querySelectorAll('*')];
  [...drawing.querySelectorAll('*')].forEach((element, index) => {
    const style = getComputedStyle(element);
    const values = PROPERTIES.map(
      name => `${name}:${style.getPropertyValue(name)}`
    );
    const to = copies[index];
    to?.setAttribute('style', values.join(';'));
    for (const name of ['class', 'role', 'tabindex']) {
      to?.removeAttribute(name);
    }
  });
  const root = copy.querySelector('g');
  root?.removeAttribute('transform');
  const paper = document.createElementNS('http://www.w3.org/2000/svg', 'rect');
  paper.setAttribute('width', String(width));
  paper.setAttribute('height', String(height));
  paper.setAttribute('fill', backgroundOf(drawing));
  copy.insertBefore(paper, copy.firstChild);
  copy.removeAttribute('class');
  copy.removeAttribute('style');
  copy.setAttribute('xmlns', 'http://www.w3.org/2000/svg');
  copy.setAttribute('viewBox', `0 0 ${width} ${height}`);
  copy.setAttribute('width', String(Math.ceil(width)));
  copy.setAttribute('height', String(Math.ceil(height)));
  return new XMLSerializer().serializeToString(copy);
}

function backgroundOf(element: Element): string {
  let each: Element | null = element;
  while (each !== null) {
    const { backgroundColor } = getComputedStyle(each);
    if (backgroundColor !== 'rgba(0, 0, 0, 0)') {
      return backgroundColor;
    }
    each = each.parentElement;
  }
  return 'white';
}
