// Files and whole folders, chosen or dropped, go out in one request, with progress. What the page that comes back says of them takes
// its place on this one; if it is another page, the browser goes there.
(() => {
  'use strict'
  const form = document.querySelector('form.upload')
  const part = name => form.querySelector('.' + name)
  const inputs = [...form.querySelectorAll('input[type=file]')]
  const submit = form.querySelector('button[type=submit]')
  const dropped = new Map() // by path; null is an empty folder
  const size = n => {
    for (const unit of ['B', 'KiB', 'MiB', 'GiB', 'TiB']) {
      if (n < 1024 || unit === 'TiB') return unit === 'B' ? `${n} B` : `${n.toFixed(1)} ${unit}`
      n /= 1024
    }
  }
  const files = n => n === 1 ? '1 file' : `${n} files`
  let running = null

  // All that is to be sent, in the order of paths: what is in a folder must come together.
  const chosen = () => {
    const all = new Map(dropped)
    for (const input of inputs) for (const file of input.files) all.set(file.webkitRelativePath || file.name, file)
    return [...all].sort(([a], [b]) => a < b ? -1 : 1)
  }

  const tell = () => {
    const all = chosen()
    const bytes = all.reduce((sum, [, file]) => sum + (file?.size ?? 0), 0)
    const names = all.slice(0, 3).map(([path]) => path).join(', ')
    part('chosen').textContent = all.length ? `Chosen: ${files(all.length)}, ${size(bytes)}: ${names}${all.length > 3 ? ' ...' : ''}` : ''
    part('clear').hidden = !all.length
  }

  const forget = () => {
    dropped.clear()
    for (const input of inputs) input.value = ''
    tell()
  }

  // Reads what was dropped; a folder gives its entries by the hundred.
  const walk = async (entry, above) => {
    const path = above + entry.name
    if (entry.isFile) {
      dropped.set(path, await new Promise((done, fail) => entry.file(done, fail)))
      return
    }
    const reader = entry.createReader()
    let empty = true
    for (;;) {
      const some = await new Promise((done, fail) => reader.readEntries(done, fail))
      if (!some.length) break
      empty = false
      for (const one of some) await walk(one, path + '/')
    }
    if (empty) dropped.set(path, null)
  }

  const say = text => {
    const outcome = document.getElementById('outcome')
    const notice = document.createElement('p')
    notice.className = 'notice'
    notice.setAttribute('role', 'alert')
    notice.textContent = text
    outcome.replaceChildren(notice)
  }

  const show = (page, status) => {
    const answer = page?.getElementById('outcome')
    if (!answer) {
      say(page?.querySelector('main')?.textContent.trim() || `This peer refuses the upload (${status}).`)
      return
    }
    const outcome = document.getElementById('outcome')
    outcome.replaceChildren(...answer.childNodes)
    outcome.focus()
    if (status < 300) forget()
  }

  const send = all => {
    const body = new FormData(form)
    body.delete('file')
    body.set('encoded', '1')
    for (const [path, file] of all) {
      body.append('file', file ?? new Blob([], { type: 'application/x-directory' }), encodeURIComponent(path))
    }
    const total = all.reduce((sum, [, file]) => sum + (file?.size ?? 0), 0)
    const bar = form.querySelector('progress')
    const request = running = new XMLHttpRequest()
    request.open('POST', form.action)
    request.responseType = 'document'
    request.upload.onprogress = ({ loaded, total: whole }) => {
      bar.value = loaded / whole
      let left = loaded / whole * total
      const at = all.findIndex(([, file]) => (left -= file?.size ?? 0) < 0)
      const now = at < 0 ? all.length - 1 : at
      part('sent').textContent = `${size(Math.round(loaded / whole * total))} of ${size(total)}, file ${now + 1} of ${all.length}: ${all[now][0]}`
    }
    request.upload.onload = () => {
      bar.removeAttribute('value')
      part('sent').textContent = 'Everything is sent. The cluster stores it ...'
    }
    request.onload = () => {
      running = null // nothing keeps the browser here any more
      if (request.status < 300 && new URL(request.responseURL).pathname !== new URL(form.action).pathname) {
        location.assign(request.responseURL)
        return
      }
      show(request.response, request.status)
    }
    request.onerror = () => say('The connection broke before there was an answer. What became of the upload is unknown.')
    request.onabort = () => say('Cancelled. What had not arrived as a whole is not added.')
    request.onloadend = () => {
      running = null
      part('sending').hidden = true
      submit.disabled = false
    }
    bar.value = 0
    part('sent').textContent = 'Sending ...'
    part('sending').hidden = false
    submit.disabled = true
    document.getElementById('outcome').replaceChildren()
    request.send(body)
    part('cancel').focus()
  }

  part('drophint').hidden = false
  for (const input of inputs) input.addEventListener('change', tell)
  part('clear').addEventListener('click', () => {
    forget()
    inputs[0].focus()
  })
  part('cancel').addEventListener('click', () => running?.abort())
  form.addEventListener('submit', event => {
    event.preventDefault()
    const all = chosen()
    if (all.length && !running) send(all)
    else if (!running) say('Choose a file or a folder first.')
  })
  form.addEventListener('dragover', event => {
    event.preventDefault()
    form.classList.add('over')
  })
  form.addEventListener('dragleave', () => form.classList.remove('over'))
  form.addEventListener('drop', async event => {
    event.preventDefault()
    form.classList.remove('over')
    const entries = [...event.dataTransfer.items].map(item => item.webkitGetAsEntry()).filter(Boolean) // gone after the first pause
    try {
      for (const entry of entries) await walk(entry, '')
    } catch (fault) {
      say(`What was dropped could not be read: ${fault.message}`)
    }
    tell()
  })
  addEventListener('beforeunload', event => {
    if (running) event.preventDefault()
  })
})()
