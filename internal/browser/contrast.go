package browser

// leastContrast is the smallest contrast between letters and what is behind them, as WCAG defines it.
const leastContrast = `(() => {
	const rgb = c => c.match(/[\d.]+/g).map(Number)
	const light = c => { const [r, g, b] = rgb(c).map(v => (v /= 255) <= .04045 ? v / 12.92 : ((v + .055) / 1.055) ** 2.4)
		return .2126 * r + .7152 * g + .0722 * b }
	const behind = e => { for (; e; e = e.parentElement) { const c = getComputedStyle(e).backgroundColor
		if ((rgb(c)[3] ?? 1) > 0) return c } return 'rgb(255, 255, 255)' }
	let least = 21
	for (const e of document.body.querySelectorAll('*')) {
		if (![...e.childNodes].some(n => n.nodeType == 3 && n.data.trim())) continue
		const [a, b] = [light(getComputedStyle(e).color), light(behind(e))].sort((x, y) => y - x)
		least = Math.min(least, (a + .05) / (b + .05))
	}
	return least
})()`

// LeastContrast is the smallest contrast between letters of the page and what is behind them, as WCAG defines it.
func (b *Tab) LeastContrast() float64 {
	b.T.Helper()
	return Evaluate[float64](b, leastContrast)
}
