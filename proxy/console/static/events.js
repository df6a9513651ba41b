// What happens in the cluster, as GET /events tells it. When a stream ends, the next goes on behind the last change of the pinset
// that came, on whichever peer answers then.
(() => {
  'use strict'
  const most = 300 // rows, and events that wait while the page is paused
  const silence = 40000 // a stream that lives shows that every 15 s
  const summary = 10000
  const longest = 10000 // between two attempts
  const meaning = { pinned: 'in the pinset', unpinned: 'no longer in the pinset' }

  const table = document.getElementById('events')
  const body = table.tBodies[0]
  const form = document.getElementById('filter')
  const button = document.getElementById('pause')
  const names = new Map([...form.elements.peer.options].filter(o => o.value).map(o => [o.value, o.textContent]))
  let since = table.dataset.since
  let paused = false
  let waiting = []
  let counted = 0

  const say = (id, text) => {
    const place = document.getElementById(id)
    if (place.textContent !== text) place.textContent = text
  }

  const wanted = ({ kind, peer }) => {
    const shown = form.elements.peer.value
    return [...form.elements.kind].some(box => box.checked && box.value === kind) && (!shown || !peer || peer === shown)
  }

  const cell = (row, label, ...content) => {
    const td = row.insertCell()
    td.setAttribute('role', 'cell')
    td.dataset.label = label
    td.append(...content)
  }

  const element = (kind, text, attributes) => Object.assign(document.createElement(kind), { textContent: text, ...attributes })

  const add = event => {
    const row = document.createElement('tr')
    row.setAttribute('role', 'row')
    Object.assign(row.dataset, { kind: event.type, peer: event.peer ?? '', id: event.id ?? '' })
    const at = new Date(event.at)
    cell(row, 'Time', element('time', at.toLocaleTimeString(), { dateTime: event.at, title: at.toLocaleString() }))
    cell(row, 'Kind', event.type)
    cell(row, 'What', meaning[event.type] ?? event.status ?? '', ...(event.error ? [element('small', event.error)] : []))
    const pin = event.cid ? [element('a', event.cid, { className: 'id', href: `/ui/pins/${encodeURIComponent(event.cid)}` })] : ['–']
    if (event.cid && event.name) pin.push(element('small', event.name))
    cell(row, 'Pin', ...pin)
    cell(row, 'Peer', event.peer ? names.get(event.peer) ?? (event.name || event.peer) : '–')
    row.hidden = !wanted(row.dataset)
    body.prepend(row)
    document.getElementById('none').hidden = true
    while (body.rows.length > most) body.deleteRow(-1)
  }

  const take = event => {
    if (event.id) since = event.id
    if (event.type === 'start') return
    counted++
    if (!paused) return add(event)
    waiting.push(event)
    if (waiting.length > most) waiting.shift()
    button.textContent = `Go on (${waiting.length} new)`
  }

  button.addEventListener('click', () => {
    paused = !paused
    button.setAttribute('aria-pressed', paused)
    button.textContent = paused ? 'Go on (0 new)' : 'Pause'
    if (paused) return
    waiting.forEach(add)
    waiting = []
  })
  form.addEventListener('change', () => {
    for (const row of body.rows) row.hidden = !wanted(row.dataset)
  })
  form.addEventListener('submit', event => event.preventDefault())
  setInterval(() => {
    if (counted) say('told', `${counted} ${counted === 1 ? 'event' : 'events'} came in the last ${summary / 1000} seconds.`)
    counted = 0
  }, summary)

  // read takes the events of a stream, each some lines up to an empty one. It fails when the stream ends.
  const read = async (stream, alive) => {
    const reader = stream.pipeThrough(new TextDecoderStream()).getReader()
    for (let text = ''; ;) {
      const { value, done } = await reader.read()
      if (done) throw new Error('The peer has ended the stream.')
      alive()
      const parts = (text + value).split('\n\n')
      text = parts.pop()
      for (const part of parts) {
        const lines = part.split('\n')
        const data = lines.filter(l => l.startsWith('data:')).map(l => l.slice(5).trim()).join('\n')
        if (!data) continue
        const event = JSON.parse(data)
        if (lines.includes('event: error')) throw new Error(event.message)
        take(event)
      }
    }
  }

  // follow returns when a stream has ended, and why; begun is called when it has begun.
  const follow = async begun => {
    const control = new AbortController()
    let timer
    const alive = () => {
      clearTimeout(timer)
      timer = setTimeout(() => control.abort(), silence)
    }
    alive()
    try {
      const answer = await fetch(`/events?since=${encodeURIComponent(since)}`, { signal: control.signal, headers: { Accept: 'text/event-stream' } })
      if (answer.status === 410) {
        since = ''
        return 'The peer does not know any more what happened meanwhile, so some events are missing.'
      }
      if (answer.status === 401 || answer.status === 403) return 'The peer does not let you in any more.'
      if (!answer.ok) return `The peer cannot tell events now (${answer.status}).`
      begun()
      await read(answer.body, alive)
    } catch (fault) {
      return control.signal.aborted ? 'Nothing comes any more.' : fault instanceof TypeError ? 'The connection broke.' : fault.message
    } finally {
      clearTimeout(timer)
      control.abort()
    }
  }

  const run = async () => {
    for (let pause = 500; ; pause = Math.min(2 * pause, longest)) {
      const why = await follow(() => {
        pause = 250
        say('stream', 'Events show here as they happen.')
      })
      say('stream', `${why} Trying again; nothing of the pinset is left out then.`)
      await new Promise(resolve => setTimeout(resolve, pause * (1 + Math.random() / 2)))
    }
  }
  form.hidden = false
  run()
})()
