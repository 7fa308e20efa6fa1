/** Small plots as SVG text: one panel per balance model, one line per strategy. */

export interface Line {
  readonly name: string;
  /** One value per amount; NaN where there is none. */
  readonly values: readonly number[];
}

export interface Panel {
  readonly title: string;
  readonly lines: readonly Line[];
}

export interface PlotOptions {
  readonly title: string;
  readonly amounts: readonly string[];
  readonly least: number;
  readonly most: number;
  readonly isLogarithmic: boolean;
  readonly ticks: readonly number[];
  readonly unit: string;
}

const WIDTH = 260;
const HEIGHT = 190;
const LEFT = 44;
const TOP = 44;
const GAP = 26;
const COLOURS = ['#d4351c', '#1d70b8', '#5694ca', '#00703c', '#85994b', '#4c2c92', '#b58840', '#28a197', '#505a5f'];

const shown = (value: number): string => value.toFixed(1);

export function plot(panels: readonly Panel[], options: PlotOptions): string {
  const { title, amounts, least, most, isLogarithmic, ticks, unit } = options;
  const names = [...new Set(panels.flatMap(({ lines }) => lines.map(({ name }) => name)))];
  const scale = (value: number): number => (isLogarithmic ? Math.log(value) : value);
  const y = (value: number): number => {
    const kept = Math.min(most, Math.max(least, value));
    return TOP + HEIGHT * (1 - (scale(kept) - scale(least)) / (scale(most) - scale(least)));
  };
  const width = LEFT + panels.length * (WIDTH + GAP);
  const height = TOP + HEIGHT + 40 + 16 * Math.ceil(names.length / 4);
  const out = [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" font-family="sans-serif" font-size="11">`,
    `<rect width="${width}" height="${height}" fill="#fff"/>`,
    `<text x="${LEFT}" y="16" font-size="13" font-weight="bold">${title}</text>`,
  ];
  for (const [k, panel] of panels.entries()) {
    const left = LEFT + k * (WIDTH + GAP);
    const x = (i: number): number => left + 12 + (i * (WIDTH - 24)) / Math.max(1, amounts.length - 1);
    out.push(`<text x="${left}" y="${TOP - 8}">${panel.title}</text>`);
    for (const tick of ticks) {
      out.push(`<path d="M${left} ${shown(y(tick))}h${WIDTH}" stroke="#ddd"/>`);
      if (k === 0) out.push(`<text x="${LEFT - 5}" y="${shown(y(tick) + 4)}" text-anchor="end">${tick}${unit}</text>`);
    }
    for (const [i, amount] of amounts.entries()) {
      out.push(`<text x="${shown(x(i))}" y="${TOP + HEIGHT + 16}" text-anchor="middle">${amount}</text>`);
    }
    for (const { name, values } of panel.lines) {
      const points = values.flatMap((value, i) => (Number.isNaN(value) ? [] : [[x(i), y(value)] as const]));
      const colour = COLOURS[names.indexOf(name) % COLOURS.length]!;
      const path = points.map(([px, py]) => `${shown(px)},${shown(py)}`).join(' ');
      const thick = names.indexOf(name) === 0 ? 2.6 : 1.3;
      out.push(`<polyline points="${path}" fill="none" stroke="${colour}" stroke-width="${thick}"/>`);
      for (const [px, py] of points) {
        out.push(`<circle cx="${shown(px)}" cy="${shown(py)}" r="${thick}" fill="${colour}"/>`);
      }
    }
  }
  for (const [i, name] of names.entries()) {
    const left = LEFT + (i % 4) * 205;
    const top = TOP + HEIGHT + 38 + 16 * Math.floor(i / 4);
    out.push(`<rect x="${left}" y="${top - 8}" width="14" height="4" fill="${COLOURS[i % COLOURS.length]!}"/>`);
    out.push(`<text x="${left + 19}" y="${top - 2}">${name}</text>`);
  }
  return `${[...out, '</svg>'].join('\n')}\n`;
}
