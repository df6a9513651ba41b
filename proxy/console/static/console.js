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
