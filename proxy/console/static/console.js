// What is live on a page asks for itself anew at every tick. Nobody ticks while the page is not in view, and when the peer no
// longer answers the page says so: what it shows is old then.
(() => {
  'use strict'
  const every = 2000
  const notice = document.getElementById('stale')
  let heard = new Date()

  const tick = () => {
    if (!document.hidden) htmx.trigger(document.body, 'tick')
  }
  setInterval(tick, every)
  document.addEventListener('visibilitychange', tick)

  document.body.addEventListener('htmx:afterRequest', event => {
    if (!event.detail.elt.matches('.live')) return
    const { successful, xhr } = event.detail
    if (successful) heard = new Date()
    const fault = xhr.status ? `This peer refuses to show this page now (${xhr.status}).` : 'This peer does not answer any more.'
    notice.hidden = successful
    notice.textContent = successful ? '' : `${fault} What is shown here is of ${heard.toLocaleTimeString()}.`
  })
})()

// Buttons copy what stands before them. Away from localhost a page without TLS may not use the clipboard itself: then the browser
// copies what is selected.
document.addEventListener('click', async event => {
  'use strict'
  const button = event.target.closest('button.copy')
  if (!button) return
  const what = button.previousElementSibling
  let copied = false
  if (navigator.clipboard) {
    copied = await navigator.clipboard.writeText(what.textContent).then(() => true, () => false)
  }
  if (!copied) {
    getSelection().selectAllChildren(what)
    copied = document.execCommand('copy')
  }
  const label = button.firstChild
  label.data = copied ? 'Copied' : 'Selected'
  setTimeout(() => { label.data = 'Copy' }, 2000)
})
