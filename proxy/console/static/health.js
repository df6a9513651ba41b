// Charts of the last hour. What they show stands in the tables below them too, which are their legends: a line is drawn as the
// sign beside the name of its peer.
(() => {
  'use strict'
  const every = 10000
  const height = 140
  const shortest = 300 // seconds that a chart shows at least
  const few = 30 // values of a line, below which each is a dot
  const charts = new Map()

  // A chart is made here, so it stays when the page around it is renewed.
  Idiomorph.defaults.callbacks.beforeNodeMorphed = old => !old.classList?.contains('chart')

  const clock = at => new Date(at * 1000).toLocaleTimeString([], { hour: '2-digit', minute: '2-digit', hourCycle: 'h23' })

  const css = name => getComputedStyle(document.documentElement).getPropertyValue(name).trim()

  const drawnAs = swatch => {
    const { stroke, strokeDasharray } = getComputedStyle(swatch)
    return { stroke, width: 1.5, dash: strokeDasharray === 'none' ? [] : strokeDasharray.split(',').map(parseFloat) }
  }

  const isShort = (chart, i) => chart.data[i].filter(v => v !== null).length < few

  const make = (place, figure, data, signs) => {
    const axis = { stroke: css('--soft'), grid: { stroke: css('--line'), width: 1 }, ticks: { stroke: css('--line'), width: 1 } }
    return new uPlot({
      width: place.clientWidth,
      height,
      legend: { show: false },
      cursor: { show: false },
      scales: {
        x: { range: (_, first, last) => [Math.min(first, last - shortest), last] },
        y: { range: (_, least, most) => [Math.min(0, least), most > 0 ? most * 1.1 : 1] }
      },
      axes: [
        { ...axis, incrs: [60, 300, 600, 900, 1200], values: (_, times) => times.map(clock) },
        { ...axis, size: 58 }
      ],
      series: [{}, ...figure.lines.map((line, i) => ({ label: line.label, spanGaps: true, points: { show: isShort, size: 4 }, ...drawnAs(signs[i]) }))]
    }, data, place)
  }

  const draw = hour => {
    for (const figure of hour.figures) {
      const place = document.querySelector(`[data-figure="${figure.name}"]`)
      const data = [hour.times, ...figure.lines.map(line => line.values.map(v => v === null ? null : v / figure.scale))]
      const chart = charts.get(figure.name)
      if (chart && chart.series.length === data.length) {
        chart.setData(data)
        continue
      }
      chart?.destroy()
      charts.delete(figure.name)
      const signs = place.closest('figure').querySelectorAll('.swatch line')
      if (signs.length === figure.lines.length) charts.set(figure.name, make(place, figure, data, signs)) // else the page is older
    }
  }

  const load = async () => {
    if (document.hidden) return
    try {
      const answer = await fetch('/ui/health/hour')
      if (answer.ok) draw(await answer.json())
    } catch {
      // The page says already that the peer does not answer.
    }
  }
  load()
  setInterval(load, every)
  document.addEventListener('visibilitychange', load)
  matchMedia('(prefers-color-scheme: dark)').addEventListener('change', () => {
    charts.forEach(chart => chart.destroy())
    charts.clear()
    load()
  })
  addEventListener('resize', () => charts.forEach(chart => chart.setSize({ width: chart.root.parentElement.clientWidth, height })))
})()
