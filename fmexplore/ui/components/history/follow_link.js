// `data` is new for each time that a link is to be followed: the component stays while the page is drawn again.
export default function ({ data }) {
  if (window.fmexploreFollowed === data) return;
  window.fmexploreFollowed = data;
  const follow = (tries) => {
    const link = document.querySelector(".st-key-followed_link a");
    if (link) link.click();
    else if (tries) setTimeout(follow, 20, tries - 1);
  };
  follow(100);
}
