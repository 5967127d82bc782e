// Text that comes from no catalogue. In the language that nobody speaks every text of a catalogue stands between `[!!` and
// `!!]`; what members wrote stands in elements that say so.

/** Texts of a page, its attributes and its title that are neither. */
export async function plainTexts(page) {
  return page.evaluate(() => {
    // A time is written by the browser, in its own words.
    const theirs = 'time[data-time], bdi, [translate="no"], [dir="auto"], script, style, noscript, textarea';
    const SPOKEN = ['alt', 'aria-label', 'aria-description', 'aria-roledescription', 'placeholder', 'title'];
    const said = (text) => {
      // One text may be an argument of another.
      for (let before; before !== text; ) {
        before = text;
        text = text.replace(/\[!!(?:(?!\[!!|!!\])[\s\S])*!!\]/g, '');
      }
      return text;
    };
    const faults = [];
    const check = (text, where) => {
      if (/\p{L}/u.test(said(text))) faults.push(`${where}: ${text.trim().slice(0, 100)}`);
    };
    check(document.title, 'title');
    for (const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT); walker.nextNode(); ) {
      const { data, parentElement } = walker.currentNode;
      if (!parentElement.closest(theirs)) check(data, parentElement.localName);
    }
    for (const element of document.body.querySelectorAll('*')) {
      if (element.closest(theirs)) continue;
      for (const name of SPOKEN) if (element.hasAttribute(name)) check(element.getAttribute(name), `${element.localName} ${name}`);
    }
    return faults;
  });
}
