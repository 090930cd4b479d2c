// Keys for what the page has links, buttons and check boxes for (data-key), and for
// nothing else: without this script all of it is there to be clicked. Keys do nothing
// while something is typed, or together with Ctrl, Alt or Meta. A decision asks once more.
'use strict';
(() => {
  const TYPING = 'textarea, select, input:not([type=checkbox]):not([type=radio])';
  const targets = (key) =>
    [...document.querySelectorAll('[data-key]')].find((element) => element.dataset.key === key);

  document.addEventListener('keydown', (event) => {
    if (event.ctrlKey || event.altKey || event.metaKey || event.isComposing) return;
    if (event.target.closest && event.target.closest(TYPING)) return;
    const target = targets(event.key.length === 1 ? event.key.toLowerCase() : event.key);
    if (!target) return;
    event.preventDefault();
    // A button that sends a form is only reached by its key: Enter presses it.
    if (target.matches('button[name=decision]')) target.focus();
    else target.click();
  });
})();
